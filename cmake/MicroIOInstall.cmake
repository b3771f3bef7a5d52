# SPDX-License-Identifier: Apache-2.0
include(CMakePackageConfigHelpers)

set(MICROIO_INSTALL_CMAKEDIR ${CMAKE_INSTALL_LIBDIR}/cmake/MicroIO)

install(TARGETS MicroIOCore EXPORT MicroIOCoreTargets
    RUNTIME COMPONENT Runtime
    LIBRARY COMPONENT Runtime NAMELINK_COMPONENT Devel
    ARCHIVE COMPONENT Devel)
install(EXPORT MicroIOCoreTargets NAMESPACE MicroIO:: DESTINATION ${MICROIO_INSTALL_CMAKEDIR} COMPONENT Devel)
if(TARGET MicroIOTest)
    if(UNIX AND NOT APPLE)
        set_target_properties(MicroIOTest PROPERTIES INSTALL_RPATH "$ORIGIN")   # RUNPATH is not transitive
    endif()
    install(TARGETS MicroIOTest EXPORT MicroIOTestTargets
        RUNTIME COMPONENT Runtime
        LIBRARY COMPONENT Runtime NAMELINK_COMPONENT Devel
        ARCHIVE COMPONENT Devel)
    install(EXPORT MicroIOTestTargets NAMESPACE MicroIO:: DESTINATION ${MICROIO_INSTALL_CMAKEDIR} COMPONENT Devel)
endif()

configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/MicroIOConfig.cmake.in
    ${PROJECT_BINARY_DIR}/MicroIOConfig.cmake
    INSTALL_DESTINATION ${MICROIO_INSTALL_CMAKEDIR}
    NO_SET_AND_CHECK_MACRO NO_CHECK_REQUIRED_COMPONENTS_MACRO)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/MicroIOConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/MicroIOConfig.cmake ${PROJECT_BINARY_DIR}/MicroIOConfigVersion.cmake
    DESTINATION ${MICROIO_INSTALL_CMAKEDIR} COMPONENT Devel)

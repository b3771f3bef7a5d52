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

set(MICROIO_INSTALL_QMLDIR ${CMAKE_INSTALL_LIBDIR}/qt6/qml CACHE STRING "Where QML modules are, below the prefix")
if(TARGET MicroIOQml)
    set(_microio_module ${MICROIO_INSTALL_QMLDIR}/MicroIO)
    if(UNIX AND NOT APPLE)
        file(RELATIVE_PATH _microio_up /${_microio_module} /${CMAKE_INSTALL_LIBDIR})
        set_target_properties(MicroIOQml PROPERTIES INSTALL_RPATH "$ORIGIN")
        set_target_properties(MicroIOQmlplugin PROPERTIES INSTALL_RPATH "$ORIGIN/${_microio_up}")
    endif()
    install(TARGETS MicroIOQml EXPORT MicroIOQmlTargets
        RUNTIME COMPONENT Runtime
        LIBRARY COMPONENT Runtime NAMELINK_COMPONENT Devel
        ARCHIVE COMPONENT Devel)
    install(TARGETS MicroIOQmlplugin EXPORT MicroIOQmlTargets
        RUNTIME DESTINATION ${_microio_module} COMPONENT Runtime
        LIBRARY DESTINATION ${_microio_module} COMPONENT Runtime
        ARCHIVE DESTINATION ${_microio_module} COMPONENT Devel)
    install(DIRECTORY ${PROJECT_BINARY_DIR}/qmlimports/MicroIO/ DESTINATION ${_microio_module} COMPONENT Runtime
        FILES_MATCHING PATTERN qmldir PATTERN "*.qmltypes" PATTERN "*.qml")
    get_target_property(_microio_qml_type MicroIOQml TYPE)
    if(_microio_qml_type STREQUAL "STATIC_LIBRARY")
        install(TARGETS ${MICROIO_QML_RESOURCE_TARGETS} EXPORT MicroIOQmlTargets
            OBJECTS DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT Devel)
    endif()
    install(EXPORT MicroIOQmlTargets NAMESPACE MicroIO:: DESTINATION ${MICROIO_INSTALL_CMAKEDIR} COMPONENT Devel)
endif()

configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/MicroIOConfig.cmake.in
    ${PROJECT_BINARY_DIR}/MicroIOConfig.cmake
    INSTALL_DESTINATION ${MICROIO_INSTALL_CMAKEDIR}
    PATH_VARS MICROIO_INSTALL_QMLDIR
    NO_SET_AND_CHECK_MACRO NO_CHECK_REQUIRED_COMPONENTS_MACRO)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/MicroIOConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/MicroIOConfig.cmake ${PROJECT_BINARY_DIR}/MicroIOConfigVersion.cmake
    DESTINATION ${MICROIO_INSTALL_CMAKEDIR} COMPONENT Devel)

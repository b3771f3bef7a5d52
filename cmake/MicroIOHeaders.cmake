# SPDX-License-Identifier: Apache-2.0

# microio_public_headers(<target> UMBRELLA <CamelName> HEADERS <folder/header.h>[=<CamelName>]...)
#
# Makes each header reachable as <MicroIO/CamelName>, from the build tree (so that FetchContent and add_subdirectory
# users include what installed users include) and from the install tree, and makes the umbrella header that includes
# them all. Public headers include one another by these names only: they are right in both trees. A header without a
# CamelName is one that other public headers need: it is installed too, and included as <MicroIO/folder/header.h>.
#
# A header is looked for beside the calling CMakeLists.txt, then below ${PROJECT_BINARY_DIR}/generated.
# The names are kept in the target property MICROIO_PUBLIC_HEADERS, for the test that each compiles alone.
function(microio_public_headers target)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "UMBRELLA" "HEADERS")
    if(arg_UNPARSED_ARGUMENTS OR NOT arg_UMBRELLA OR NOT arg_HEADERS)
        message(FATAL_ERROR "microio_public_headers(${target}): UMBRELLA <CamelName> HEADERS <header.h>=<CamelName>...")
    endif()

    set(names "")
    set(umbrella "")
    foreach(pair IN LISTS arg_HEADERS)
        if(NOT pair MATCHES "^([^=]+[.]h)(=([A-Za-z0-9]+))?$")
            message(FATAL_ERROR "microio_public_headers(${target}): \"${pair}\" is not <folder/header.h>[=<CamelName>]")
        endif()
        set(header ${CMAKE_MATCH_1})
        set(camel "${CMAKE_MATCH_3}")
        if(header MATCHES "_p[.]h$")
            message(FATAL_ERROR "microio_public_headers(${target}): ${header} is private")
        endif()
        set(file ${CMAKE_CURRENT_SOURCE_DIR}/${header})
        if(NOT EXISTS ${file})
            set(file ${PROJECT_BINARY_DIR}/generated/${header})
        endif()
        if(NOT EXISTS ${file})
            message(FATAL_ERROR "microio_public_headers(${target}): there is no ${header}")
        endif()
        if(camel)
            _microio_forwarding_header(${camel} "#include \"${file}\" // IWYU pragma: export\n"
                "#include \"${header}\" // IWYU pragma: export\n")
            list(APPEND names ${camel})
            string(APPEND umbrella "#include <MicroIO/${camel}> // IWYU pragma: export\n")
        else()
            _microio_forwarding_header(${header} "#include \"${file}\" // IWYU pragma: export\n" "")
            list(APPEND names ${header})
        endif()
        if(MICROIO_INSTALL)
            cmake_path(GET header PARENT_PATH folder)
            install(FILES ${file} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/MicroIO/${folder} COMPONENT Devel)
        endif()
    endforeach()
    _microio_forwarding_header(${arg_UMBRELLA} "${umbrella}" "${umbrella}")

    set_target_properties(${target} PROPERTIES MICROIO_PUBLIC_HEADERS "${names};${arg_UMBRELLA}")
    target_include_directories(${target} PUBLIC
        $<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/include>
        $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
endfunction()

function(_microio_forwarding_header name build_content install_content)
    set(begin "// SPDX-License-Identifier: Apache-2.0\n#pragma once\n")
    file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/include/MicroIO/${name} CONTENT "${begin}${build_content}" @ONLY)
    if(MICROIO_INSTALL AND NOT install_content STREQUAL "")
        file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/include-install/${name}
            CONTENT "${begin}${install_content}" @ONLY)
        install(FILES ${PROJECT_BINARY_DIR}/include-install/${name}
            DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/MicroIO COMPONENT Devel)
    endif()
endfunction()

# SPDX-License-Identifier: Apache-2.0

option(MICROIO_BUILD_TESTS "Build the tests" ${PROJECT_IS_TOP_LEVEL})
option(MICROIO_BUILD_EXAMPLES "Build the examples" ${PROJECT_IS_TOP_LEVEL})
option(MICROIO_BUILD_BENCHMARKS "Build the benchmarks" OFF)
option(MICROIO_BUILD_QML "Build the QML module" OFF)
option(MICROIO_INSTALL "Generate the install target" ${PROJECT_IS_TOP_LEVEL})
option(MICROIO_WERROR "Treat warnings as errors" OFF)
set(MICROIO_SANITIZE "" CACHE STRING "Sanitizers: empty, \"address,undefined\" or \"thread\"")
set_property(CACHE MICROIO_SANITIZE PROPERTY STRINGS "" "address,undefined" "thread")

if(PROJECT_IS_TOP_LEVEL)
    option(BUILD_SHARED_LIBS "Build shared libraries" ON)
    get_property(_microio_multi_config GLOBAL PROPERTY GENERATOR_IS_MULTI_CONFIG)
    if(NOT CMAKE_BUILD_TYPE AND NOT _microio_multi_config)
        set(CMAKE_BUILD_TYPE Release CACHE STRING "Release, Debug, RelWithDebInfo or MinSizeRel" FORCE)
    endif()
endif()

# Compile flags of MICROIO_SANITIZE, in order; they come after those of the build type. -O1 and -g1, and UBSan without
# its four costliest checks, compile coroutines in less than half the time (ASan finds bad addresses anyway).
set(MICROIO_SANITIZE_COMPILE_OPTIONS "")
set(MICROIO_SANITIZE_LINK_OPTIONS "")
if(MICROIO_SANITIZE STREQUAL "address,undefined")
    set(MICROIO_SANITIZE_COMPILE_OPTIONS -O1 -g1 -fno-omit-frame-pointer
        -fsanitize=address,undefined
        -fno-sanitize=vptr,null,alignment,object-size
        -fno-sanitize-recover=undefined)
    if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
        # clang 14 cannot assemble coroutines with it
        list(APPEND MICROIO_SANITIZE_COMPILE_OPTIONS -fno-sanitize=function)
    endif()
    set(MICROIO_SANITIZE_LINK_OPTIONS -fsanitize=address,undefined)
elseif(MICROIO_SANITIZE STREQUAL "thread")
    set(MICROIO_SANITIZE_COMPILE_OPTIONS -O1 -g1 -fno-omit-frame-pointer -fsanitize=thread)
    set(MICROIO_SANITIZE_LINK_OPTIONS -fsanitize=thread)
elseif(NOT MICROIO_SANITIZE STREQUAL "")
    message(FATAL_ERROR "MICROIO_SANITIZE is \"${MICROIO_SANITIZE}\": "
        "it must be empty, \"address,undefined\" or \"thread\"")
endif()

# microio_private_options(<target>...)
#
# Warnings, -Werror if asked for, and the sanitizer, for targets of this project. All of it is private: who links
# MicroIO::Core inherits none of it.
function(microio_private_options)
    foreach(target IN LISTS ARGN)
        set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF)
        if(MSVC)
            target_compile_options(${target} PRIVATE /W4 /utf-8 /permissive- /Zc:__cplusplus
                $<$<BOOL:${MICROIO_WERROR}>:/WX>)
        else()
            target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wconversion -Wshadow
                $<$<BOOL:${MICROIO_WERROR}>:-Werror>)
            if(CMAKE_UNITY_BUILD AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
                # It is about unnamed namespaces in headers, and takes the .cpp files of a unity build for such.
                target_compile_options(${target} PRIVATE -Wno-subobject-linkage)
            endif()
        endif()
        target_compile_options(${target} PRIVATE ${MICROIO_SANITIZE_COMPILE_OPTIONS})
        target_link_options(${target} PRIVATE ${MICROIO_SANITIZE_LINK_OPTIONS})
    endforeach()
endfunction()

# SPDX-License-Identifier: Apache-2.0
#
# cmake -D ARGUMENTS=<file> [-D DEFINE=<macro>] -P compilefails.cmake
#
# Run by the ctests of microio_add_compile_fail_test(), which writes ARGUMENTS. With DEFINE, compiling must fail with a
# message that matches the expected one; without, it must work.
include(${ARGUMENTS})

set(command ${compiler} ${standard} -S -O0 -o /dev/null)
list(REMOVE_ITEM includes "" ${implicit_includes})   # these must keep their place in the search order
foreach(directory IN LISTS includes)
    list(APPEND command -isystem ${directory})
endforeach()
foreach(definition IN LISTS definitions)
    list(APPEND command -D${definition})
endforeach()
if(DEFINE)
    list(APPEND command -D${DEFINE})
endif()
execute_process(COMMAND ${command} ${source} RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)

if(NOT DEFINE)
    if(NOT status EQUAL 0)
        message(FATAL_ERROR "does not compile, but must:\n${output}")
    endif()
elseif(status EQUAL 0)
    message(FATAL_ERROR "compiles with ${DEFINE}, but must be refused")
elseif(NOT output MATCHES "${expect}")
    message(FATAL_ERROR "is refused with ${DEFINE}, but not with \"${expect}\":\n${output}")
endif()

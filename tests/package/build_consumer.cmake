# Run by ctest: cmake -D BUILD=… -D CONSUMER=… -D EXAMPLE=… -D WORK=… -D COMPILER=…
#   -P build_consumer.cmake
function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT result EQUAL 0)
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "${command}\nfailed (${result}):\n${output}")
  endif()
  message("${output}")
endfunction()

set(flags "")
if(SANITIZE)
  set(flags "-fsanitize=${SANITIZE}")
endif()
file(REMOVE_RECURSE ${WORK})
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${WORK}/installed)
foreach(project consumer example)
  string(TOUPPER ${project} folder)
  run(${CMAKE_COMMAND} -S ${${folder}} -B ${WORK}/${project} -G Ninja
    -D CMAKE_PREFIX_PATH=${WORK}/installed -D CMAKE_CXX_COMPILER=${COMPILER}
    -D CMAKE_BUILD_TYPE=Release -D CMAKE_CXX_FLAGS=${flags})
  run(${CMAKE_COMMAND} --build ${WORK}/${project})
endforeach()
run(${WORK}/consumer/consumer)
run(${CMAKE_CURRENT_LIST_DIR}/run_robot_loop.sh
  ${WORK}/example/robot_loop ${WORK}/installed/bin/sluice)

# Thrust for the host compiler, on TBB's threads where TBB is found: sluice_thrust, for the one
# source that needs it.
find_package(TBB CONFIG QUIET)
set(SLUICE_WITH_TBB FALSE)
if(TBB_FOUND AND NOT SLUICE_SANITIZE MATCHES thread)  # which doesn't see how TBB synchronizes
  set(SLUICE_WITH_TBB TRUE)
endif()

# Debian's package, or else what comes with a CUDA toolkit.
find_path(THRUST_INCLUDE_DIR thrust/version.h
  PATHS ${CUDAToolkit_INCLUDE_DIRS} /usr/local/cuda/include PATH_SUFFIXES cccl)
if(NOT THRUST_INCLUDE_DIR)
  message(FATAL_ERROR "Thrust is missing: install libthrust-dev or a CUDA toolkit, or set THRUST_INCLUDE_DIR")
endif()

add_library(sluice_thrust INTERFACE)
target_include_directories(sluice_thrust SYSTEM INTERFACE ${THRUST_INCLUDE_DIR})
if(SLUICE_WITH_TBB)
  message(STATUS "Voxel grouping: Thrust on TBB ${TBB_VERSION}")
  target_compile_definitions(sluice_thrust INTERFACE
    THRUST_DEVICE_SYSTEM=THRUST_DEVICE_SYSTEM_TBB SLUICE_WITH_TBB)
else()
  message(STATUS "Voxel grouping: Thrust on one thread (without TBB)")
  target_compile_definitions(sluice_thrust INTERFACE
    THRUST_DEVICE_SYSTEM=THRUST_DEVICE_SYSTEM_CPP)
endif()

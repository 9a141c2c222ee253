# Install rules and the exported package: find_package(Sluice) in another project.
include(CMakePackageConfigHelpers)

get_property(sluice_libraries GLOBAL PROPERTY SLUICE_LIBRARIES)
install(TARGETS ${sluice_libraries} EXPORT SluiceTargets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
if(TARGET sluice)
  install(TARGETS sluice RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
foreach(folder kernels stream temporal spatial3d policy)
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/${folder} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/sluice
    FILES_MATCHING PATTERN "*.h" PATTERN "io" EXCLUDE PATTERN "cpu" EXCLUDE
    PATTERN "module" EXCLUDE PATTERN "selectors" EXCLUDE PATTERN "budget_controllers" EXCLUDE  # internal
    PATTERN "cuda" EXCLUDE)
endforeach()
if(SLUICE_WITH_CUDA)
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/kernels/cuda
    DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/sluice/kernels FILES_MATCHING PATTERN "*.h")
endif()
if(SLUICE_APPS)
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/stream/io
    DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/sluice/stream FILES_MATCHING PATTERN "*.h"
    PATTERN "libav" EXCLUDE PATTERN "zeromq" EXCLUDE)  # internal
endif()

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/Sluice)
install(EXPORT SluiceTargets NAMESPACE Sluice:: DESTINATION ${package_dir})
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/SluiceConfig.cmake.in
  ${PROJECT_BINARY_DIR}/SluiceConfig.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/SluiceConfigVersion.cmake
  VERSION ${PROJECT_VERSION} COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/SluiceConfig.cmake ${PROJECT_BINARY_DIR}/SluiceConfigVersion.cmake
  DESTINATION ${package_dir})

# What every target of the project has in common.

# Settings that our own code is compiled with, and that users of the library don't inherit.
add_library(sluice_build_settings INTERFACE)
target_compile_options(sluice_build_settings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wno-psabi
  $<$<BOOL:${SLUICE_WARNINGS_AS_ERRORS}>:-Werror>
  # Contracting a*b+c into one rounding would change which tokens are kept from one instruction set
  # to the next.
  -ffp-contract=off)
if(SLUICE_SANITIZE)
  target_compile_options(sluice_build_settings INTERFACE
    -fsanitize=${SLUICE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(sluice_build_settings INTERFACE -fsanitize=${SLUICE_SANITIZE})
  # g++ 12 takes std::regex for uninitialized once sanitizers have changed the code.
  target_compile_options(sluice_build_settings INTERFACE -Wno-maybe-uninitialized)
endif()

# sluice_program(<target>): what every program of ours needs in a sanitizer build.
function(sluice_program target)
  if(SLUICE_SANITIZE MATCHES thread)
    target_sources(${target} PRIVATE ${PROJECT_SOURCE_DIR}/cmake/sanitizer_suppressions.cpp)
  endif()
endfunction()

# sluice_library(<folder> SOURCES … [DEPENDS …] [PRIVATE_DEPENDS …])
# A static library sluice_<folder>, exported as Sluice::<folder>.
function(sluice_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS;PRIVATE_DEPENDS" ${ARGN})
  set(target sluice_${name})
  add_library(${target} STATIC ${ARG_SOURCES})
  add_library(Sluice::${name} ALIAS ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${name})
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_include_directories(${target} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>
    # Users write <sluice/temporal/reduce.h>; the headers name each other from the root folder.
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/sluice>)
  target_link_libraries(${target}
    PUBLIC ${ARG_DEPENDS}
    PRIVATE $<BUILD_INTERFACE:sluice_build_settings> ${ARG_PRIVATE_DEPENDS})
  set_property(GLOBAL APPEND PROPERTY SLUICE_LIBRARIES ${target})
endfunction()

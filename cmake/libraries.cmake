# The two shared libraries, made of the folders' objects, and what `cmake --install` puts beside them.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

get_property(TENON_FOLDERS GLOBAL PROPERTY TENON_FOLDERS)

# tenon_shared_library(<target> <output name> <exported name> <folders>…)
# Hidden visibility keeps our own functions in, the version script those of header-only libraries.
function(tenon_shared_library target output exported)
  add_library(${target} SHARED ${PROJECT_SOURCE_DIR}/cmake/empty.cpp)
  add_library(tenon::${exported} ALIAS ${target})
  foreach(folder IN LISTS ARGN)
    if(TARGET tenon_${folder})
      target_link_libraries(${target} PRIVATE tenon_${folder})
      set_property(TARGET ${target} PROPERTY LINK_LIBRARY_OVERRIDE_tenon_${folder} WHOLE_ARCHIVE)
    endif()
  endforeach()
  target_compile_features(${target} INTERFACE cxx_std_20)
  target_include_directories(${target} INTERFACE
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:include>)
  target_link_options(${target} PRIVATE -Wl,--gc-sections
    -Wl,--version-script=${PROJECT_SOURCE_DIR}/cmake/exports.map $<$<CONFIG:Release>:-s>)
  set_target_properties(${target} PROPERTIES OUTPUT_NAME ${output} EXPORT_NAME ${exported}
    VERSION ${PROJECT_VERSION} SOVERSION 0.1 LINK_DEPENDS ${PROJECT_SOURCE_DIR}/cmake/exports.map)
  install(TARGETS ${target} EXPORT tenonTargets COMPONENT cpp
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} NAMELINK_COMPONENT cpp)
endfunction()

set(runtime_folders base ir weights kernel cpu cuda plan lower runtime)
tenon_shared_library(tenon_runtime_shared tenon_runtime runtime ${runtime_folders})
tenon_shared_library(tenon_shared tenon tenon ${runtime_folders} passes build onnx api)

# Opened when a model has a regular expression, from where the library or program lies that asks.
find_library(TENON_RE2_LIBRARY re2 REQUIRED)
add_library(tenon_regex MODULE src/regex/regex.cpp)
target_link_libraries(tenon_regex PRIVATE ${TENON_RE2_LIBRARY})
set_target_properties(tenon_regex PROPERTIES CXX_VISIBILITY_PRESET hidden)
install(TARGETS tenon_regex COMPONENT cpp LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})

install(DIRECTORY include/tenon DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT cpp)
set(config_dir ${CMAKE_INSTALL_LIBDIR}/cmake/tenon)
install(EXPORT tenonTargets NAMESPACE tenon:: FILE tenonTargets.cmake DESTINATION ${config_dir}
  COMPONENT cpp)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/tenonConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_SOURCE_DIR}/cmake/tenonConfig.cmake
  ${PROJECT_BINARY_DIR}/tenonConfigVersion.cmake DESTINATION ${config_dir} COMPONENT cpp)

# pkg-config, for builds that are not CMake's. The prefix is where the file then lies.
function(tenon_pkg_config library description)
  set(here ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
  string(REGEX REPLACE "[^/]+" ".." prefix_from_here ${here})
  configure_file(${PROJECT_SOURCE_DIR}/cmake/tenon.pc.in ${PROJECT_BINARY_DIR}/${library}.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/${library}.pc DESTINATION ${here} COMPONENT cpp)
endfunction()
tenon_pkg_config(tenon "Compiles trained models to engines whose weights are refitted")
tenon_pkg_config(tenon_runtime "Runs and refits Tenon's plans, without the compiler")

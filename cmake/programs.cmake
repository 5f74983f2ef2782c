# What is built on top of the libraries: the CLI, the Python module, tests of the whole, fuzz targets, examples, benchmarks.
list(TRANSFORM TENON_FOLDERS PREPEND tenon_ OUTPUT_VARIABLE all_folders)
add_custom_target(product DEPENDS tenon_shared tenon_runtime_shared tenon_regex)

# tenon_product(<folder>): adds a folder that has a CMakeLists.txt of its own to what users get.
function(tenon_product folder)
  if(EXISTS ${PROJECT_SOURCE_DIR}/${folder}/CMakeLists.txt)
    add_subdirectory(${folder})
    get_property(targets DIRECTORY ${folder} PROPERTY BUILDSYSTEM_TARGETS)
    add_dependencies(product ${targets})
  endif()
endfunction()

tenon_product(tools)
if(TENON_PYTHON)
  find_package(Python 3.10 REQUIRED COMPONENTS Interpreter Development.Module)
  execute_process(COMMAND ${Python_EXECUTABLE} -m nanobind --cmake_dir
    OUTPUT_VARIABLE nanobind_ROOT OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  find_package(nanobind CONFIG REQUIRED)
  tenon_product(python)
endif()
tenon_product(doors/tensorrt)
if(SKBUILD)
  return()
endif()
if(TENON_BENCH)
  tenon_product(bench)
endif()

# Every examples/<name>.cpp is a program of a user: public headers, the shared library.
file(GLOB examples CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/examples/*.cpp)
foreach(example IN LISTS examples)
  cmake_path(GET example STEM name)
  add_executable(example_${name} ${example})
  target_link_libraries(example_${name} PRIVATE tenon::tenon ZLIB::ZLIB)
  set_target_properties(example_${name} PROPERTIES OUTPUT_NAME ${name}
    RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/examples)
  add_dependencies(product example_${name})
endforeach()

# A GPU that is none, for tests: LD_LIBRARY_PATH=<build>/stand_in gives every program a device cuda:0.
if(TENON_TESTS)
  add_library(tenon_stand_in SHARED tests/cuda/stand_in.cpp)
  target_link_libraries(tenon_stand_in PRIVATE tenon_flags Threads::Threads tenon_lib_dl)
  target_compile_definitions(tenon_stand_in PRIVATE STAND_IN_SOURCES="${PROJECT_SOURCE_DIR}/src")
  set(stand_in ${PROJECT_BINARY_DIR}/stand_in)
  set_target_properties(tenon_stand_in PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${stand_in}
    OUTPUT_NAME cuda SUFFIX .so.1)
  add_custom_command(TARGET tenon_stand_in POST_BUILD
    COMMAND ${CMAKE_COMMAND} -E create_symlink libcuda.so.1 ${stand_in}/libnvrtc.so.13)
endif()

# tests/<topic>/*_test.cpp go into tests_<topic>; they link the objects, so they reach internals too.
if(TENON_TESTS)
  file(GLOB topics CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/*/*_test.cpp)
  list(TRANSFORM topics REPLACE ".*/tests/([^/]+)/.*" "\\1")
  list(REMOVE_DUPLICATES topics)
  foreach(topic IN LISTS topics)
    file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/${topic}/*_test.cpp)
    tenon_gtest(tests_${topic} ${topic} ${sources})
    target_link_libraries(tests_${topic} PRIVATE ${all_folders})
    if(topic STREQUAL cuda)
      target_link_libraries(tests_${topic} PRIVATE tenon_stand_in)
    endif()
  endforeach()
endif()

# Every tests/fuzz/<name>.cpp is a libFuzzer target; as a test it replays its corpus, tests/fuzz/corpus/<name>/.
if(TENON_FUZZ)
  file(GLOB fuzzers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/fuzz/*.cpp)
  foreach(fuzzer IN LISTS fuzzers)
    cmake_path(GET fuzzer STEM name)
    set(corpus ${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${name})
    file(MAKE_DIRECTORY ${corpus})
    add_executable(fuzz_${name} ${fuzzer})
    target_link_libraries(fuzz_${name} PRIVATE ${all_folders} -fsanitize=fuzzer)
    set_target_properties(fuzz_${name} PROPERTIES
      RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/fuzz)
    add_test(NAME fuzz_${name}.corpus COMMAND fuzz_${name} -runs=0 ${corpus})
    set_tests_properties(fuzz_${name}.corpus PROPERTIES LABELS fuzz)
  endforeach()
endif()

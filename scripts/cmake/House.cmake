# The house's few CMake words. One line in a folder's CMakeLists.txt adds a library, a probe or a
# room's tests; flags and include roots are decided here, once.

add_library(house_flags INTERFACE)
target_include_directories(house_flags INTERFACE ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR}/generated)
target_compile_options(house_flags INTERFACE -Wall -Wextra -Wconversion -Wshadow
                       -Wno-missing-field-initializers  # designated initialisers leave defaults
                       # GCC 13 takes references into tables for references to the name they were found by.
                       $<$<CXX_COMPILER_ID:GNU>:-Wno-dangling-reference>
                       $<$<BOOL:${WARNINGS_AS_ERRORS}>:-Werror>)
if(RELEASED)  # what leaves this machine: hardened, and the same bytes from whichever folder
  target_compile_options(house_flags INTERFACE -fPIE -fstack-protector-strong
                         -fstack-clash-protection -Werror=format-security
                         -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
                         -ffile-prefix-map=${CMAKE_SOURCE_DIR}=.
                         -ffile-prefix-map=${CMAKE_BINARY_DIR}=build)  # the last one is tried first
  target_link_options(house_flags INTERFACE -pie -Wl,-z,relro,-z,now -Wl,-z,noexecstack -Wl,--as-needed)
endif()

# What their tests spend time in; the others' tests take longer to compile than to run.
set(computing_rooms kernels steps model advice)
# What casts pointers. Elsewhere quick builds leave out UBSan's checks of every pointer, a third of the
# compiler's time: AddressSanitizer ends at a null pointer too.
set(casting_rooms kernels shapes steps probe_core)

# house_library(NAME FOLDER LINKS...): every .cc directly in FOLDER becomes library NAME.
function(house_library name folder)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${folder}/*.cc)
  if(NOT sources)
    file(WRITE ${CMAKE_BINARY_DIR}/generated/empty.cc "")
    set(sources ${CMAKE_BINARY_DIR}/generated/empty.cc)
  endif()
  add_library(${name} STATIC ${sources})
  add_library(memory_benchmark::${name} ALIAS ${name})
  target_link_libraries(${name} PUBLIC house_flags fmt::fmt ${ARGN})
  if(QUICK_ROOMS AND NOT name IN_LIST computing_rooms)
    target_compile_options(${name} PRIVATE -O0)
  endif()
  if(QUICK_ROOMS AND NOT name IN_LIST casting_rooms)
    target_compile_options(${name} PRIVATE -fno-sanitize=null,alignment,vptr)
  endif()
endfunction()

# house_probe(NAME): probes/NAME.cc becomes a Google Benchmark program, installed beside the others.
function(house_probe name)
  add_executable(${name} ${CMAKE_SOURCE_DIR}/probes/${name}.cc)
  target_link_libraries(${name} PRIVATE probe_core steps)
  install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/memory_benchmark)
  set_property(GLOBAL APPEND PROPERTY HOUSE_PROBES ${name})
endfunction()

# house_tests(FOLDER LINKS...): tests/FOLDER/*_test.cc becomes one test program, FOLDER_test, built
# also by the target unit_tests.
function(house_tests folder)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/${folder}/*_test.cc)
  if(NOT sources)
    return()
  endif()
  string(REPLACE "/" "_" name ${folder})
  add_executable(${name}_test ${sources})
  target_link_libraries(${name}_test PRIVATE ${ARGN} GTest::gmock_main)
  if(NOT SANITIZE_TESTS)
    target_compile_options(${name}_test PRIVATE -fno-sanitize=all)
  endif()
  if(QUICK_TESTS)
    target_compile_options(${name}_test PRIVATE -O0)
  endif()
  add_dependencies(unit_tests ${name}_test)
  target_compile_definitions(${name}_test PRIVATE
    SOURCE_DIR="${CMAKE_SOURCE_DIR}" PROGRAM_DIR="${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
  gtest_discover_tests(${name}_test DISCOVERY_MODE PRE_TEST PROPERTIES LABELS unit)
endfunction()

# house_embed(TARGET SYMBOL FILE...): files become `std::span<const EmbeddedFile> SYMBOL()` in
# namespace mb, declared in generated/embedded/SYMBOL.h, so that programs need no data folder.
function(house_embed target symbol)
  if(NOT ARGN)
    return()
  endif()
  set(header ${CMAKE_BINARY_DIR}/generated/embedded/${symbol}.h)
  set(source ${CMAKE_BINARY_DIR}/generated/embedded/${symbol}.cc)
  add_custom_command(
    OUTPUT ${header} ${source}
    COMMAND ${CMAKE_COMMAND} -DSYMBOL=${symbol} "-DFILES=${ARGN}" -DHEADER=${header}
            -DSOURCE=${source} -P ${CMAKE_SOURCE_DIR}/scripts/cmake/Embed.cmake
    DEPENDS ${ARGN} ${CMAKE_SOURCE_DIR}/scripts/cmake/Embed.cmake
    COMMENT "Embedding ${symbol}" VERBATIM)
  target_sources(${target} PRIVATE ${source} ${header})
  set_source_files_properties(${source} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)  # all say kFiles
endfunction()

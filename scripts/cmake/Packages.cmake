# What cpack makes (scripts/package.sh calls it): a .deb that leaves its libraries to the system, and a
# relocatable .tar.gz and .rpm that bring all of theirs (scripts/packages/launcher.cc).
#
# Components: `programs` and `documents` are what `cmake --install` puts into any prefix; `debian` adds
# what its policy wants; `relocatable` is a tree of its own, laid out by scripts/packages/bundle.py.
# PackagesConfig.cmake.in picks the components for each generator. Everything that names a processor
# follows CMAKE_SYSTEM_PROCESSOR, and libraries are looked for in CMAKE_SYSROOT, so that a
# cross-building preset makes its packages the same way.
find_package(Python3 COMPONENTS Interpreter)
set(packages ${CMAKE_SOURCE_DIR}/scripts/packages)
set(sysroot ${CMAKE_SYSROOT})
if(NOT sysroot)
  set(sysroot /)
endif()
get_property(probes GLOBAL PROPERTY HOUSE_PROBES)
set(bundle ${Python3_EXECUTABLE} ${packages}/bundle.py --build ${CMAKE_BINARY_DIR}
    --launcher ${CMAKE_BINARY_DIR}/bin/package_launcher --root ${sysroot}
    --triplet ${CMAKE_LIBRARY_ARCHITECTURE} --version ${PROJECT_VERSION}
    --readelf ${CMAKE_READELF} --strip ${CMAKE_STRIP} memory_benchmark ${probes})
string(JOIN " " bundle_line ${bundle})

add_executable(package_launcher EXCLUDE_FROM_ALL ${packages}/launcher.cc)
target_compile_options(package_launcher PRIVATE -Wall -Wextra -Wconversion -Wshadow -fPIE
                       -fstack-protector-strong -ffile-prefix-map=${CMAKE_SOURCE_DIR}=.)
target_link_options(package_launcher PRIVATE -static-pie)

install(FILES ${packages}/memory_benchmark.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1
        COMPONENT documents)
install(FILES ${packages}/completion.bash RENAME memory_benchmark COMPONENT documents
        DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/bash-completion/completions)

# Debian names packages without underscores, and wants its texts compressed without a time stamp.
set(debian_documents ${CMAKE_INSTALL_DATAROOTDIR}/doc/memory-benchmark)
install(FILES ${packages}/copyright ${CMAKE_SOURCE_DIR}/README.md DESTINATION ${debian_documents}
        COMPONENT debian EXCLUDE_FROM_ALL)
install(CODE "
  set(share \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/share\")
  execute_process(COMMAND ${packages}/debian_documents.sh ${PROJECT_VERSION} \"\${share}\"
                  COMMAND_ERROR_IS_FATAL ANY)
  execute_process(COMMAND ${bundle_line} --out \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}\"
                          --sbom-only \"\${share}/doc/memory-benchmark/memory_benchmark.spdx.json\"
                  COMMAND_ERROR_IS_FATAL ANY)"
  COMPONENT debian EXCLUDE_FROM_ALL)

# The relocatable tree; in the .rpm it lies in /opt (links where a system looks: before_packing.cmake).
install(CODE "
  set(out \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}\")
  set(share \"\${CMAKE_INSTALL_PREFIX}/share\")  # file(INSTALL) puts DESTDIR before it
  file(INSTALL ${packages}/memory_benchmark.1 DESTINATION \"\${share}/man/man1\")
  file(INSTALL ${packages}/completion.bash RENAME memory_benchmark
       DESTINATION \"\${share}/bash-completion/completions\")
  file(INSTALL ${CMAKE_SOURCE_DIR}/LICENSE ${CMAKE_SOURCE_DIR}/README.md
       ${CMAKE_SOURCE_DIR}/CHANGELOG.md DESTINATION \"\${share}/doc/memory_benchmark\")
  execute_process(COMMAND ${bundle_line} --out \"\${out}\"  # last: its SBOM lists every file
                  COMMAND_ERROR_IS_FATAL ANY)"
  COMPONENT relocatable EXCLUDE_FROM_ALL)

# cpack's own words.
set(CPACK_PACKAGE_NAME memory-benchmark)
set(CPACK_PACKAGE_VENDOR "The memory_benchmark authors")
set(CPACK_PACKAGE_CONTACT "The memory_benchmark authors <authors@memory-benchmark.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "measure a machine for language-model inference on its CPU")
set(CPACK_RESOURCE_FILE_LICENSE ${CMAKE_SOURCE_DIR}/LICENSE)
set(CPACK_STRIP_FILES ON)
set(CPACK_THREADS 1)
set(CPACK_PROJECT_CONFIG_FILE ${CMAKE_BINARY_DIR}/PackagesConfig.cmake)
set(CPACK_PRE_BUILD_SCRIPTS ${packages}/before_packing.cmake)
set(CPACK_POST_BUILD_SCRIPTS ${packages}/after_packing.cmake)
set(CPACK_GENERATOR DEB TGZ RPM)
string(REPLACE ";" " " probes_words "${probes}")
set(debian_architecture_x86_64 amd64)
set(debian_architecture_aarch64 arm64)
set(debian_architecture ${debian_architecture_${CMAKE_SYSTEM_PROCESSOR}})
configure_file(${packages}/PackagesConfig.cmake.in ${CMAKE_BINARY_DIR}/PackagesConfig.cmake @ONLY)
include(CPack)

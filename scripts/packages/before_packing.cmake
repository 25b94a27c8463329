# Run by cpack between laying out a package and packing it: links of the .rpm, one time stamp and plain
# permissions for all, so that two builds pack the same.
set(stage "${CPACK_TEMPORARY_DIRECTORY}")
if(CPACK_GENERATOR STREQUAL "RPM")
  foreach(link bin/memory_benchmark share/man/man1/memory_benchmark.1
               share/bash-completion/completions/memory_benchmark)
    get_filename_component(folder ${stage}/usr/${link} DIRECTORY)
    file(MAKE_DIRECTORY ${folder})
    file(CREATE_LINK /opt/memory_benchmark/${link} ${stage}/usr/${link} SYMBOLIC)
  endforeach()
endif()
file(GLOB entries RELATIVE ${stage} ${stage}/*)
foreach(entry IN LISTS entries)
  if(NOT entry MATCHES "^(bin|lib|libexec|share|opt|usr)$")
    message(FATAL_ERROR "${stage}/${entry} would be packed, and no package of ours has it")
  endif()
endforeach()
execute_process(COMMAND find "${stage}" -type d -exec chmod 755 {} + COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND find "${stage}" -exec touch --no-dereference
                        --date=@$ENV{SOURCE_DATE_EPOCH} {} + COMMAND_ERROR_IS_FATAL ANY)

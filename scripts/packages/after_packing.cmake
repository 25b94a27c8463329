# Run by cpack when a package is there. The .tar.gz is packed once more: cpack lists a folder's files in the
# order of the file system, which differs from machine to machine.
if(CPACK_GENERATOR STREQUAL "TGZ")
  get_filename_component(name "${CPACK_TEMPORARY_DIRECTORY}" NAME)
  execute_process(
    COMMAND tar --create --sort=name --format=gnu --owner=root:0 --group=root:0
            --mtime=@$ENV{SOURCE_DATE_EPOCH} --directory=${CPACK_TEMPORARY_DIRECTORY}/.. ${name}
    COMMAND gzip -9n
    OUTPUT_FILE ${CPACK_PACKAGE_FILES} COMMAND_ERROR_IS_FATAL ANY)
endif()

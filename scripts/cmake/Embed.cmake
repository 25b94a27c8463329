# Writes the listed files as byte arrays into one C++ source (called by house_embed).
set(body "")
set(table "")
set(index 0)
foreach(file IN LISTS FILES)
  file(READ ${file} hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  string(REGEX REPLACE "(0x[0-9a-f][0-9a-f],0x[0-9a-f][0-9a-f],0x[0-9a-f][0-9a-f],0x[0-9a-f][0-9a-f],0x[0-9a-f][0-9a-f],0x[0-9a-f][0-9a-f],0x[0-9a-f][0-9a-f],0x[0-9a-f][0-9a-f],)" "\\1\n" bytes "${bytes}")
  get_filename_component(name ${file} NAME)
  file(SHA256 ${file} hash)
  string(APPEND body "const unsigned char k${index}[] = {${bytes}0x00};\n")
  string(APPEND table
    "    {\"${name}\", {reinterpret_cast<const char*>(k${index}), sizeof(k${index}) - 1},\n     \"${hash}\"},\n")
  math(EXPR index "${index} + 1")
endforeach()
file(WRITE ${HEADER} "#pragma once
#include <span>

#include \"data/documents/embedded_file.h\"

namespace mb {
std::span<const EmbeddedFile> ${SYMBOL}();
}  // namespace mb
")
file(WRITE ${SOURCE} "#include \"embedded/${SYMBOL}.h\"

namespace mb {
namespace {
${body}const EmbeddedFile kFiles[] = {
${table}};
}  // namespace
std::span<const EmbeddedFile> ${SYMBOL}() { return kFiles; }
}  // namespace mb
")

// The program that a person starts out of a relocatable package (.tar.gz, .rpm). It is static, so
// it needs a kernel and nothing else; it finds its package by its own file, whatever link led
// there, and becomes the real program through the package's loader, libc and libraries:
//
//   bin/memory_benchmark                 this program
//   libexec/memory_benchmark/NAME        links to it; a link's name says which program is meant
//   lib/loader/NAME                      a link to the loader: under this name ps and top show us
//   lib/programs/NAME, lib/*.so.N        the real programs and their libraries
//
// The loader is told the folder of libraries as an argument and not by the environment, so that
// what the program starts (gnuplot, an engine under `sweep`) finds its own libraries as without us.
// The program sees lib/ld-linux-*.so.N as /proc/self/exe, beside which find_probe_folder() looks
// for
// ../libexec/memory_benchmark.
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <string_view>

namespace {

constexpr int kMostArguments = 8192;
constexpr int kCannotStart = 127;  // as a shell says it
constexpr int kPath = PATH_MAX + NAME_MAX + 64;
constexpr std::string_view kFolders[] = {"/bin", "/libexec/memory_benchmark"};

int fail(const char* what, const char* path, const char* why) {
  fprintf(stderr, "memory_benchmark: %s %s: %s\n", what, path, why);
  return kCannotStart;
}

const char* last_name(const char* path) {
  const char* slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

// The folder that holds bin/ and libexec/; `folder` is changed in place.
void climb_to_root(char* folder) {
  const std::string_view view(folder);
  for (const std::string_view below : kFolders) {
    if (view.ends_with(below)) {
      folder[view.size() - below.size()] = '\0';
      return;
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  static char root[PATH_MAX], loader[kPath], libraries[kPath], program[kPath];
  static char* words[kMostArguments];
  const ssize_t length = readlink("/proc/self/exe", root, sizeof root - 1);
  if (length <= 0) return fail("cannot read", "/proc/self/exe", "is /proc there?");
  root[length] = '\0';
  static char own_name[NAME_MAX + 1];
  snprintf(own_name, sizeof own_name, "%.*s", NAME_MAX, last_name(root));
  *strrchr(root, '/') = '\0';
  climb_to_root(root);
  if (strpbrk(root, ":;") != nullptr) {
    return fail("cannot run from", root, "the loader separates folders by ':' and ';'; move it");
  }

  const auto* started_as = reinterpret_cast<const char*>(getauxval(AT_EXECFN));
  snprintf(loader, sizeof loader, "%s/lib/loader/%s", root,
           started_as ? last_name(started_as) : "");
  if (access(loader, X_OK) != 0) {  // a person's link of another name
    snprintf(loader, sizeof loader, "%s/lib/loader/%s", root, own_name);
  }
  snprintf(libraries, sizeof libraries, "%s/lib", root);
  snprintf(program, sizeof program, "%s/lib/programs/%.*s", root, NAME_MAX, last_name(loader));

  int count = 0;
  const char* before[] = {loader,    "--inhibit-cache", "--library-path",
                          libraries, "--argv0",         argc > 0 ? argv[0] : own_name,
                          program};
  for (const char* word : before) words[count++] = const_cast<char*>(word);
  if (argc + count > kMostArguments) return fail("cannot start", program, "too many arguments");
  for (int i = 1; i < argc; ++i) words[count++] = argv[i];
  execv(loader, words);
  return fail("cannot start", loader,
              errno == ENOENT ? "the package is not whole; unpack it again" : strerror(errno));
}

// What single calls cost, for benches/identity. Prints "name nanoseconds" a line; takes the best of five rounds.
//   calls                          measures here
//   calls bare                     the same below a listener that does the least an honest answer needs (see bare.h)
//   calls bare THREADS PROGRAM...  runs a program below it
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bare.h"

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e9 + t.tv_nsec;
}

#define MEASURE(name, times, code)                                                                                     \
  do {                                                                                                                 \
    double best = 1e18;                                                                                                \
    for (int round = 0; round < 5; round++) {                                                                          \
      double begin = now();                                                                                            \
      for (int i = 0; i < times; i++) { code; }                                                                        \
      double each = (now() - begin) / times;                                                                           \
      if (each < best) best = each;                                                                                    \
    }                                                                                                                  \
    printf("%-24s %9.0f\n", name, best);                                                                               \
  } while (0)

static void single(void) {
  struct stat stat_buffer;
  char byte[1], path[64];
  int file = open("/etc/passwd", O_RDONLY);
  close(open("/tmp/own", O_CREAT | O_RDWR, 0600));
  MEASURE("getppid", 300000, syscall(SYS_getppid));
  MEASURE("pread", 100000, pread(file, byte, 1, 0));
  MEASURE("open+close", 10000, close(open("/etc/passwd", O_RDONLY)));
  MEASURE("geteuid", 10000, syscall(SYS_geteuid));
  MEASURE("setresuid", 10000, syscall(SYS_setresuid, -1, -1, -1));
  MEASURE("stat", 10000, stat("/etc/passwd", &stat_buffer));
  MEASURE("stat nothing", 10000, stat("/etc/nothing", &stat_buffer));
  MEASURE("fstat", 10000, fstat(file, &stat_buffer));
  MEASURE("chown same", 5000, (void)!chown("/tmp/own", 0, 0));
  MEASURE("chown other", 3000, (void)!chown("/tmp/own", 33 + i % 2, 33));
  MEASURE("stat other's", 10000, stat("/tmp/own", &stat_buffer));
  MEASURE("create+unlink", 1000, snprintf(path, sizeof path, "/tmp/c%d", i); close(open(path, O_CREAT | O_WRONLY, 0644)); unlink(path));
  MEASURE("fork+wait", 300, if (!fork()) _exit(0); wait(NULL));
  MEASURE("vfork+exec true", 200, if (!vfork()) { execl("/bin/true", "true", (char *)0); _exit(1); } wait(NULL));
}

// What one stat of all takes while so many processes do nothing else, each of a file of its own: half of one's where two CPUs
// serve two.
static void together(int askers) {
  enum { EACH = 5000 };
  static const char *files[] = {"/etc/passwd", "/usr/bin/env", "/var/lib/dpkg/status", "/bin/true"};
  struct stat stat_buffer;
  char name[32];
  snprintf(name, sizeof name, "stat, %d at once", askers);
  double best = 1e18;
  for (int round = 0; round < 5; round++) {
    double begin = now();
    for (int n = 0; n < askers; n++)
      if (!fork()) {
        for (int i = 0; i < EACH; i++) stat(files[n % 4], &stat_buffer);
        _exit(0);
      }
    while (wait(NULL) > 0) {}
    double each = (now() - begin) / EACH / askers;
    if (each < best) best = each;
  }
  printf("%-24s %9.0f\n", name, best);
}

static void all(void *none) {
  (void)none;
  single();
}

static void some(void *askers) { together(*(int *)askers); }

static void program(void *argv) {
  execvp(*(char **)argv, argv);
  perror("exec");
  _exit(1);
}

int main(int argc, char **argv) {
  int counts[] = {1, 2, 4};
  if (argc > 3 && !strcmp(argv[1], "bare")) return bare(atoi(argv[2]), program, argv + 3);
  int is_bare = argc > 1;
  if (is_bare) bare(1, all, NULL);
  else single();
  fflush(stdout);
  // below a listener with as many threads as there are askers, up to two
  for (int n = 0; n < 3; n++) {
    if (is_bare) bare(counts[n] < 2 ? 1 : 2, some, &counts[n]);
    else together(counts[n]);
    fflush(stdout);
  }
  return 0;
}

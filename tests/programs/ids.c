// Prints what random sequences of calls that change ids leave behind: as root on a real system and in a container the same.
// Usage: ids SEQUENCES. Each sequence is a process of its own.
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static unsigned seed;

static unsigned any(void) {
  seed = seed * 1103515245 + 12345;
  return (seed >> 16) & 0x7fff;
}

static long id(void) {
  static const int ids[] = {0, 0, 33, 1000, 1001, -1};
  return ids[any() % 6];
}

static void show(const char *name, long result) {
  int error = result < 0 ? errno : 0;
  unsigned user[3] = {9, 9, 9}, group[3] = {9, 9, 9}, groups[8];
  syscall(SYS_getresuid, user, user + 1, user + 2);
  syscall(SYS_getresgid, group, group + 1, group + 2);
  long count = syscall(SYS_getgroups, 8, groups);
  long fs_user = syscall(SYS_setfsuid, -1), fs_group = syscall(SYS_setfsgid, -1);
  printf("%s=%ld/%d u %u %u %u %ld g %u %u %u %ld G %ld", name, result < 0 ? -1 : result, error, user[0], user[1],
         user[2], fs_user, group[0], group[1], group[2], fs_group, count);
  for (long i = 0; i < count; i++) printf(" %u", groups[i]);
  printf(" %ld%ld%ld%ld\n", syscall(SYS_getuid), syscall(SYS_geteuid), syscall(SYS_getgid), syscall(SYS_getegid));
}

static void step(void) {
  long a = id(), b = id(), c = id();
  unsigned groups[3];
  for (int i = 0; i < 3; i++) groups[i] = any() % 50;
  switch (any() % 11) {
  case 0: show("setuid", syscall(SYS_setuid, a)); break;
  case 1: show("setgid", syscall(SYS_setgid, a)); break;
  case 2: show("setreuid", syscall(SYS_setreuid, a, b)); break;
  case 3: show("setregid", syscall(SYS_setregid, a, b)); break;
  case 4: show("setresuid", syscall(SYS_setresuid, a, b, c)); break;
  case 5: show("setresgid", syscall(SYS_setresgid, a, b, c)); break;
  case 6: { long n = any() % 4; show("setgroups", syscall(SYS_setgroups, n, groups)); break; }
  case 7: show("setfsuid", syscall(SYS_setfsuid, a)); break;
  case 8: show("setfsgid", syscall(SYS_setfsgid, a)); break;
  case 9: show("keepcaps", prctl(PR_SET_KEEPCAPS, any() % 4 == 0, 0, 0, 0)); break;
  default: {
    fflush(stdout);
    int child = fork();
    if (child) {
      waitpid(child, NULL, 0);
      _exit(0);
    }
    show("fork", 0);
  }
  }
}

int main(int argc, char **argv) {
  int sequences = argc > 1 ? atoi(argv[1]) : 1;
  unsigned only[1] = {0};
  for (int n = 0; n < sequences; n++) {
    fflush(stdout);
    int child = fork();
    if (!child) {
      seed = n * 7919 + 1;
      syscall(SYS_setgroups, 1, only);
      printf("# %d\n", n);
      for (int i = 0; i < 25; i++) step();
      fflush(stdout);
      _exit(0);
    }
    waitpid(child, NULL, 0);
  }
  return 0;
}

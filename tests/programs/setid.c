// A set-id program gives its ids when it runs, and only then. Usage: setid PROGRAM, as another than its owner; PROGRAM is
// set-uid. Prints the effective id after each exec that fails.
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv) {
  setvbuf(stdout, NULL, _IONBF, 0);
  char *bad = (char *)0xffffffffffff0000;
  (void)argc;
  long r = syscall(SYS_execve, argv[1], bad, NULL);
  printf("bad arguments %ld %s: %ld\n", r, strerrorname_np(errno), syscall(SYS_geteuid));
  int child = fork();
  if (!child) _exit(syscall(SYS_geteuid) == 0);
  int status;
  waitpid(child, &status, 0);
  printf("child is root %d\n", status != 0);
  r = syscall(SYS_execve, argv[1], bad, NULL);
  printf("once more %ld: %ld\n", r, syscall(SYS_geteuid));
  fflush(stdout);
  if (!fork()) {
    char *arguments[] = {argv[1], "-u", NULL};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    printf("without new privileges ");
    fflush(stdout);
    execv(argv[1], arguments);
    _exit(1);
  }
  wait(NULL);
  char *arguments[] = {argv[1], "-u", NULL};
  printf("with ");
  fflush(stdout);
  execv(argv[1], arguments);
  return 1;
}

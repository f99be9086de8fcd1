// Ids of a process with threads: each thread sees a change, children and orphans keep it.
#define _GNU_SOURCE
#include <grp.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile int go;

static void *look(void *unused) {
  (void)unused;
  while (!go) usleep(100);
  return (void *)(long)geteuid();
}

int main(void) {
  pthread_t threads[16];
  gid_t groups[2] = {50, 60};
  for (int i = 0; i < 16; i++) pthread_create(threads + i, NULL, look, NULL);
  printf("setgroups %d\n", setgroups(2, groups));
  int set = seteuid(33), now = geteuid();
  printf("seteuid %d: %d\n", set, now);
  set = seteuid(0), now = geteuid();
  printf("seteuid %d: %d\n", set, now);
  set = setgid(1000);
  printf("setgid %d\n", set);
  set = setuid(1000), now = getuid();
  printf("setuid %d: %d\n", set, now);
  printf("back %d\n", setuid(0));
  go = 1;
  int right = 0;
  for (int i = 0; i < 16; i++) {
    void *seen;
    pthread_join(threads[i], &seen);
    right += (long)seen == 1000;
  }
  printf("threads %d\n", right);
  int count = getgroups(2, groups);
  printf("groups %d %d %d\n", count, groups[0], groups[1]);
  int wrong = 0;
  for (int i = 0; i < 100; i++) {
    int child = fork(), status;
    if (!child) _exit(geteuid() == 1000 ? 0 : 1);
    waitpid(child, &status, 0);
    wrong += status != 0;
  }
  printf("wrong children %d\n", wrong);
  fflush(stdout);
  int ends[2];
  if (pipe(ends)) return 1;
  if (!fork()) {
    if (!fork()) {
      setsid();
      usleep(50000);
      dprintf(ends[1], "orphan %d %d\n", geteuid(), getegid());
    }
    _exit(0);
  }
  wait(NULL);
  close(ends[1]);
  char text[64];
  ssize_t n = read(ends[0], text, sizeof text);
  return fwrite(text, 1, n > 0 ? n : 0, stdout) == 0;
}

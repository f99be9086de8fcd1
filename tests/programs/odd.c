// Calls with arguments that no honest program makes; prints what came of each. What a kernel answers, a container must.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SHOW(call)                                                                                                     \
  do {                                                                                                                 \
    errno = 0;                                                                                                         \
    long r = call;                                                                                                     \
    printf("%s: %ld %s\n", #call, r, r < 0 ? strerrorname_np(errno) : "");                                             \
  } while (0)

static void *bad = (void *)0xffffffffffff0000;
static volatile int stop;
static char *volatile racing;

static void *flip(void *unused) {
  (void)unused;
  while (!stop) {
    memcpy(racing, "/tmp/odd-a", 11);
    memcpy(racing, "/tmp/odd-b", 11);
  }
  return NULL;
}

static void *unmap(void *page) {
  for (int i = 0; i < 2000; i++) {
    mmap(page, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    munmap(page, 4096);
  }
  stop = 1;
  return NULL;
}

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  struct stat stat_buffer;
  unsigned word;
  SHOW(syscall(SYS_chown, bad, 1, 2));
  SHOW(syscall(SYS_chown, NULL, 1, 2));
  SHOW(syscall(SYS_chown, "", 1, 2));
  SHOW(syscall(SYS_fchown, 99, 1, 2));
  SHOW(syscall(SYS_fchown, -1, 1, 2));
  SHOW(syscall(SYS_fchownat, 99, "x", 1, 2, 0));
  SHOW(syscall(SYS_fchownat, AT_FDCWD, "/etc/passwd", 0, 0, 0x4000000));
  SHOW(syscall(SYS_getresuid, bad, &word, &word));
  SHOW(syscall(SYS_getgroups, -1, &word));
  SHOW(syscall(SYS_setgroups, 70000, &word));
  SHOW(syscall(SYS_setgroups, 1, bad));
  SHOW(syscall(SYS_setuid, -1));
  SHOW(syscall(SYS_newfstatat, AT_FDCWD, "/etc/shadow", bad, 0));
  SHOW(syscall(SYS_newfstatat, AT_FDCWD, bad, &stat_buffer, 0));
  SHOW(syscall(SYS_newfstatat, 99, "", &stat_buffer, AT_EMPTY_PATH));
  SHOW(syscall(SYS_statx, AT_FDCWD, "/etc/shadow", 0, 0x7ff, bad));
  SHOW(syscall(SYS_mkdirat, AT_FDCWD, bad, 0755));
  SHOW(syscall(SYS_symlinkat, bad, AT_FDCWD, "/tmp/odd-link"));
  SHOW(syscall(SYS_openat, AT_FDCWD, bad, O_CREAT | O_RDWR, 0600));
  SHOW(syscall(SYS_execve, bad, NULL, NULL));
  SHOW(syscall(SYS_capget, bad, &word));
  SHOW(syscall(SYS_prlimit64, 0, 10, bad, bad));
  static char long_path[8000];
  memset(long_path, 'a', sizeof long_path - 1);
  SHOW(syscall(SYS_chown, long_path, 1, 2));
  SHOW(syscall(SYS_newfstatat, AT_FDCWD, long_path, &stat_buffer, 0));

  // the limit that carries the tag is nobody's to see or change
  struct rlimit limit = {5, 5};
  SHOW(setrlimit(10, &limit));
  getrlimit(10, &limit);
  printf("limit %d\n", limit.rlim_cur == RLIM_INFINITY && limit.rlim_max == RLIM_INFINITY);

  // a path that another thread changes, on a page that comes and goes: whatever happens, we are here afterwards
  SHOW(syscall(SYS_setresgid, -1, 1000, -1));
  SHOW(syscall(SYS_setresuid, -1, 1000, -1));
  static char name[16] = "/tmp/odd-a";
  racing = name;
  pthread_t thread;
  pthread_create(&thread, NULL, flip, NULL);
  for (int i = 0; i < 300; i++) {
    close(syscall(SYS_openat, AT_FDCWD, racing, O_CREAT | O_RDWR, 0600));
    syscall(SYS_newfstatat, AT_FDCWD, racing, &stat_buffer, 0);
  }
  stop = 1;
  pthread_join(thread, NULL);
  stop = 0;
  char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  pthread_create(&thread, NULL, unmap, page);
  while (!stop) {
    syscall(SYS_newfstatat, AT_FDCWD, page, &stat_buffer, 0);
    syscall(SYS_getresuid, page, page + 4, page + 8);
  }
  pthread_join(thread, NULL);

  // killed in the middle of calls
  for (int i = 0; i < 200; i++) {
    int child = fork();
    if (!child)
      for (;;) {
        syscall(SYS_setresuid, -1, -1, -1);
        syscall(SYS_newfstatat, AT_FDCWD, "/etc/shadow", &stat_buffer, 0);
      }
    usleep(i * 10);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
  }
  printf("euid %ld\n", syscall(SYS_geteuid));
  return 0;
}

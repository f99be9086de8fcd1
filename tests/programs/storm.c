// Many processes switch ids, make files and children, and check what they see. Usage: storm PROCESSES SECONDS FOLDER.
// Prints "right" and ends with 0 when nobody saw a wrong id.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int die(const char *what, int number, long seen) {
  printf("process %d: %s: saw %ld\n", number, what, seen);
  fflush(stdout);
  _exit(1);
}

static void round_of(int number, const char *folder, int round) {
  int uid = 1000 + number, gid = 2000 + number;
  unsigned groups[2] = {gid, 50}, ids[3];
  char path[200];
  if (syscall(SYS_setgroups, 2, groups)) die("setgroups", number, -1);
  if (syscall(SYS_setresgid, -1, gid, -1)) die("setresgid", number, -1);
  if (syscall(SYS_setresuid, -1, uid, -1)) die("setresuid", number, -1);
  syscall(SYS_getresuid, ids, ids + 1, ids + 2);
  if (ids[0] || (int)ids[1] != uid || ids[2]) die("getresuid", number, ids[1]);
  snprintf(path, sizeof path, "%s/%d-%d", folder, number, round % 8);
  unlink(path);
  int fd = open(path, O_CREAT | O_EXCL | O_WRONLY, 0644);
  struct stat stat;
  if (fd < 0 || fstat(fd, &stat)) die("open", number, fd);
  if ((int)stat.st_uid != uid || (int)stat.st_gid != gid) die("owner", number, stat.st_uid);
  close(fd);
  int child = fork(), status;
  if (!child) _exit((int)syscall(SYS_geteuid) == uid && (int)syscall(SYS_getegid) == gid ? 0 : 1);
  waitpid(child, &status, 0);
  if (status) die("child", number, status);
  if (syscall(SYS_setresuid, -1, 0, -1)) die("back", number, -1);
  if (syscall(SYS_setresgid, -1, 0, -1)) die("group back", number, -1);
  if (chown(path, uid + 1, gid + 1) || lstat(path, &stat)) die("chown", number, -1);
  if ((int)stat.st_uid != uid + 1 || (int)stat.st_gid != gid + 1) die("new owner", number, stat.st_uid);
}

int main(int argc, char **argv) {
  int processes = atoi(argv[1]), seconds = atoi(argv[2]), wrong = 0;
  (void)argc;
  for (int number = 0; number < processes; number++) {
    if (fork()) continue;
    time_t end = time(NULL) + seconds;
    for (int round = 0; time(NULL) < end; round++) round_of(number, argv[3], round);
    _exit(0);
  }
  for (int number = 0; number < processes; number++) {
    int status;
    wait(&status);
    wrong += status != 0;
  }
  printf("%s\n", wrong ? "wrong" : "right");
  return wrong != 0;
}

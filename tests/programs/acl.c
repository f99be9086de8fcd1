// Access control lists that name others, without the library: what is kept, shown, and who may read. Run as root of a
// system with such lists; prints one line a step.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

static const char *NAME = "system.posix_acl_access";
struct entry { unsigned short tag, bits; unsigned id; };
struct list { unsigned version; struct entry entries[6]; };

static const char *result(long r) { return r < 0 ? strerrorname_np(errno) : "0"; }

static void shown(const char *path) {
  struct list list;
  struct stat stat;
  long n = getxattr(path, NAME, &list, sizeof list);
  printf("%ld:", n);
  for (int i = 0; i < (n - 4) / 8; i++) printf(" %x/%x/%d", list.entries[i].tag, list.entries[i].bits, (int)list.entries[i].id);
  lstat(path, &stat);
  printf(" mode %o\n", stat.st_mode & 07777);
}

static void as(unsigned uid, const char *path, int flags) {
  fflush(stdout);
  if (!fork()) {
    setgroups(0, 0);
    setresgid(uid, uid, uid);
    setresuid(uid, uid, uid);
    int fd = open(path, flags);
    printf("%u opens with %d: %s\n", uid, flags, result(fd));
    if (flags == O_RDONLY) printf("access %s, sets a list: ", result(access(path, R_OK))), printf("%s\n", result(setxattr(path, NAME, "", 0, 0)));
    fflush(stdout);
    _exit(0);
  }
  wait(NULL);
}

int main(void) {
  struct list list = {2, {{1, 6, -1}, {2, 6, 33}, {4, 0, -1}, {8, 4, 50}, {16, 6, -1}, {32, 0, -1}}};
  const char *path = "/tmp/listed";
  close(open(path, O_CREAT | O_WRONLY, 0600));
  printf("none %s\n", result(getxattr(path, NAME, 0, 0)));
  printf("set %s\n", result(setxattr(path, NAME, &list, sizeof list, 0)));
  shown(path);
  char small[8], names[200] = "";
  printf("too small %s\n", result(getxattr(path, NAME, small, sizeof small)));
  printf("length %ld\n", (long)getxattr(path, NAME, 0, 0));
  long n = listxattr(path, names, sizeof names), found = 0;
  for (long at = 0; at < n; at += strlen(names + at) + 1) found += !strcmp(names + at, NAME);
  printf("listed %ld\n", found);
  as(33, path, O_RDONLY);
  as(33, path, O_RDWR);
  as(34, path, O_RDONLY);
  chmod(path, 0640);
  shown(path);
  as(33, path, O_RDWR);
  as(33, path, O_RDONLY);
  printf("removed %s\n", result(removexattr(path, NAME)));
  printf("none %s\n", result(getxattr(path, NAME, 0, 0)));
  as(33, path, O_RDONLY);
  return 0;
}

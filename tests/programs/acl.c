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

static const char *NAME = "system.posix_acl_access", *DEFAULT = "system.posix_acl_default";
struct entry { unsigned short tag, bits; unsigned id; };
struct list { unsigned version; struct entry entries[6]; };

static const char *result(long r) { return r < 0 ? strerrorname_np(errno) : "0"; }

static void shown_as(const char *path, const char *name) {
  struct list list;
  struct stat stat;
  long n = getxattr(path, name, &list, sizeof list);
  printf("%ld:", n);
  for (int i = 0; i < (n - 4) / 8; i++) printf(" %x/%x/%d", list.entries[i].tag, list.entries[i].bits, (int)list.entries[i].id);
  lstat(path, &stat);
  printf(" mode %o\n", stat.st_mode & 07777);
}

static void shown(const char *path) { shown_as(path, NAME); }

static void as(unsigned uid, const char *path, int flags);

// What a folder hands on.
static void handed_on(void) {
  struct list list = {2, {{1, 7, -1}, {2, 6, 33}, {4, 5, -1}, {8, 4, 50}, {16, 7, -1}, {32, 0, -1}}};
  mkdir("/tmp/heir", 0755);
  close(open("/tmp/heir/before", O_CREAT | O_WRONLY, 0644));
  printf("default of a file %s\n", result(setxattr("/tmp/heir/before", DEFAULT, &list, sizeof list, 0)));
  printf("default set %s\n", result(setxattr("/tmp/heir", DEFAULT, &list, sizeof list, 0)));
  shown_as("/tmp/heir", DEFAULT);
  shown("/tmp/heir");
  char names[300] = "";
  long n = listxattr("/tmp/heir", names, sizeof names);
  for (long at = 0; at < n; at += strlen(names + at) + 1) printf("listed %s\n", names + at);
  umask(077);
  close(open("/tmp/heir/file", O_CREAT | O_WRONLY, 0664));
  shown("/tmp/heir/file");
  close(open("/tmp/heir/new", O_CREAT | O_EXCL | O_WRONLY, 0640));
  shown("/tmp/heir/new");
  mkdir("/tmp/heir/folder", 0750);
  shown("/tmp/heir/folder");
  shown_as("/tmp/heir/folder", DEFAULT);
  mkfifo("/tmp/heir/folder/fifo", 0666);
  struct stat stat;
  lstat("/tmp/heir/folder/fifo", &stat);
  printf("fifo %o\n", stat.st_mode & 07777);
  as(33, "/tmp/heir/file", O_RDWR);
  as(33, "/tmp/heir/before", O_RDWR);
  chmod("/tmp/heir", 0777);
  fflush(stdout);
  if (!fork()) {
    (void)!setresgid(34, 34, 34), (void)!setresuid(34, 34, 34);
    close(open("/tmp/heir/others", O_CREAT | O_WRONLY, 0600));
    _exit(0);
  }
  wait(NULL);
  shown("/tmp/heir/others");
  list.entries[1].id = list.entries[3].id = 0;
  printf("one of root's %s\n", result(setxattr("/tmp/heir", DEFAULT, &list, sizeof list, 0)));
  shown_as("/tmp/heir", DEFAULT);
  printf("default removed %s\n", result(removexattr("/tmp/heir", DEFAULT)));
  printf("none %s\n", result(getxattr("/tmp/heir", DEFAULT, 0, 0)));
  close(open("/tmp/heir/after", O_CREAT | O_WRONLY, 0664));
  shown("/tmp/heir/after");
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
  handed_on();
  return 0;
}

// Files that are made without a plain path: nameless ones, and those of paths with rules of their own. Run as root; prints
// one line a step.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static void show(const char *what, int fd) {
  struct stat stat;
  if (fd < 0) {
    printf("%s: %s\n", what, strerrorname_np(errno));
    return;
  }
  fstat(fd, &stat);
  printf("%s: %d:%d %o, %ld links\n", what, stat.st_uid, stat.st_gid, stat.st_mode & 07777, (long)stat.st_nlink);
}

static int beneath(int folder, const char *path, int flags, int mode, int resolve) {
  struct open_how how = {.flags = flags, .mode = mode, .resolve = resolve};
  return syscall(SYS_openat2, folder, path, &how, sizeof how);
}

static int folder(const char *path, int mode, int gid) {
  mkdir(path, 0);
  (void)!chown(path, 0, gid);
  chmod(path, mode);
  return open(path, O_RDONLY | O_DIRECTORY);
}

int main(void) {
  char path[64];
  umask(022);
  int open_to_all = folder("/tmp/all", 01777, 0), grouped = folder("/tmp/grouped", 02777, 50), closed = folder("/tmp/closed", 0755, 0);
  show("root, grouped", open("/tmp/grouped", O_TMPFILE | O_RDWR, 0666));
  setgroups(0, 0);
  setresgid(34, 34, 34);
  setresuid(33, 33, 33);
  int fd = open("/tmp/all", O_TMPFILE | O_RDWR, 0666);
  show("nameless", fd);
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  printf("linked %d\n", linkat(AT_FDCWD, path, AT_FDCWD, "/tmp/all/linked", AT_SYMLINK_FOLLOW));
  show("by its name", open("/tmp/all/linked", O_RDONLY));
  show("nameless, grouped", openat(grouped, ".", O_TMPFILE | O_RDWR, 0600));
  show("nameless, closed", open("/tmp/closed", O_TMPFILE | O_RDWR, 0600));
  show("nameless for reading", open("/tmp/all", O_TMPFILE, 0600));
  show("beneath", beneath(open_to_all, "made", O_CREAT | O_RDWR, 0666, RESOLVE_BENEATH));
  show("beneath again", beneath(open_to_all, "made", O_CREAT | O_RDWR, 0666, RESOLVE_BENEATH));
  show("beneath alone", beneath(open_to_all, "made", O_CREAT | O_EXCL | O_RDWR, 0666, RESOLVE_BENEATH));
  show("beneath new", beneath(open_to_all, "./new", O_CREAT | O_EXCL | O_RDWR, 0600, RESOLVE_BENEATH));
  show("above", beneath(open_to_all, "../above", O_CREAT | O_RDWR, 0666, RESOLVE_BENEATH));
  show("its own root", beneath(grouped, "/../made", O_CREAT | O_RDWR, 0640, RESOLVE_IN_ROOT));
  show("by the whole path", beneath(AT_FDCWD, "/tmp/all/whole", O_CREAT | O_RDWR, 0644, RESOLVE_NO_SYMLINKS));
  show("closed", beneath(closed, "made", O_CREAT | O_RDWR, 0666, RESOLVE_BENEATH));
  int etc = open("/etc", O_RDONLY | O_DIRECTORY);
  show("shadow", beneath(etc, "shadow", O_RDONLY, 0, RESOLVE_BENEATH));
  show("passwd to write", beneath(etc, "/passwd", O_WRONLY, 0, RESOLVE_IN_ROOT));
  int passwd = beneath(etc, "/passwd", O_RDONLY, 0, RESOLVE_IN_ROOT);
  printf("passwd %s\n", passwd < 0 ? strerrorname_np(errno) : "0");
  show("unknown rule", beneath(etc, "passwd", O_RDONLY, 0, 0x400));
  return 0;
}

// Makes a file, gives it away, forgets it, and makes another one at once, which is likely to get its inode: whose is that?
//   reuse FOLDER...     prints for each folder and each way of forgetting how many new files were not root's
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TIMES = 300, NAMELESS = 0, UNLINKED_OPEN, UNLINKED, GIVEN_AFTER, WAYS };

static int round_of(int way, const char *folder, const char *a, const char *b) {
  struct stat shown;
  int fd = way == NAMELESS ? open(folder, O_TMPFILE | O_RDWR, 0644) : open(a, O_CREAT | O_EXCL | O_RDWR, 0644);
  if (fd < 0 || fchown(fd, 33, 44) || fstat(fd, &shown) || shown.st_uid != 33) return -1;
  if (way == UNLINKED) close(fd), unlink(a);
  else {
    if (way != NAMELESS) unlink(a);
    if (way == GIVEN_AFTER && fchown(fd, 44, 44)) return -1;
    close(fd);
  }
  fd = open(b, O_CREAT | O_EXCL | O_RDWR, 0644);
  if (fd < 0 || fstat(fd, &shown)) return -1;
  close(fd);
  unlink(b);
  return shown.st_uid != 0 || shown.st_gid != 0;
}

int main(int count, char **folders) {
  for (int n = 1; n < count; n++) {
    char a[256], b[256];
    snprintf(a, sizeof a, "%s/a", folders[n]);
    snprintf(b, sizeof b, "%s/b", folders[n]);
    printf("%s:", folders[n]);
    for (int way = 0; way < WAYS; way++) {
      int wrong = 0, failed = 0;
      for (int i = 0; i < TIMES; i++) {
        int one = round_of(way, folders[n], a, b);
        wrong += one > 0;
        failed += one < 0;
      }
      printf(" %d/%d", wrong, failed);
    }
    printf("\n");
  }
  return 0;
}

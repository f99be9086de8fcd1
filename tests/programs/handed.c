// Two processes give one file to others again and again, and a third one looks; after each round what is shown is compared with
// what is shown once the file was changed in another way, when nobody can still have it from memory.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <fcntl.h>

enum { ROUNDS = 150, TIMES = 40 };

static void give(const char *path, int first) {
  for (int i = 0; i < TIMES; i++) {
    if (i % 3 == 0 && chown(path, 0, 0)) _exit(1);
    if (chown(path, first + i, first + i)) _exit(1);
  }
  _exit(0);
}

int main(int count, char **arguments) {
  const char *path = count > 1 ? arguments[1] : "/tmp/handed";
  struct stat shown, truth;
  int wrong = 0, failed = 0;
  close(open(path, O_CREAT | O_WRONLY, 0644));
  for (int round = 0; round < ROUNDS; round++) {
    pid_t looks = fork();
    if (!looks)
      for (;;) stat(path, &shown);
    for (int i = 0; i < 2; i++)
      if (!fork()) give(path, 1000 * (i + 1));
    for (int i = 0; i < 2; i++) {
      int status;
      wait(&status);
      failed += status != 0;
    }
    kill(looks, 9);
    waitpid(looks, NULL, 0);
    stat(path, &shown);
    chmod(path, 0640);
    chmod(path, 0644);
    stat(path, &truth);
    wrong += shown.st_uid != truth.st_uid || shown.st_gid != truth.st_gid || truth.st_uid % 1000 != TIMES - 1 ||
             truth.st_uid != truth.st_gid;
  }
  printf("wrong %d, failed %d\n", wrong, failed);
  return 0;
}

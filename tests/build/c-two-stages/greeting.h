#define GREETING "hello, world"

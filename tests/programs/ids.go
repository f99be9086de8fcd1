// What a Go program sees: ids changed on all threads while goroutines are busy, children with credentials of their own.
// Prints one line a step; ends with 1 where a thread saw another id.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
)

// Asks on many threads at once; returns how many were not uid:gid.
func wrong(uid, gid int) (count int32) {
	var group sync.WaitGroup
	for range [16]int{} {
		group.Add(1)
		go func() {
			defer group.Done()
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			for range [50]int{} {
				if syscall.Geteuid() != uid || syscall.Getegid() != gid {
					atomic.AddInt32(&count, 1)
				}
			}
		}()
	}
	group.Wait()
	return count
}

func main() {
	var over int32
	for range [8]int{} {
		go func() {
			for atomic.LoadInt32(&over) == 0 {
				syscall.Getppid()
			}
		}()
	}
	child := exec.Command("/usr/bin/id")
	child.SysProcAttr = &syscall.SysProcAttr{
		Credential: &syscall.Credential{Uid: 33, Gid: 33, Groups: []uint32{33, 50}},
	}
	out, err := child.CombinedOutput()
	fmt.Print("child: ", string(out), err, "\n")
	fmt.Println("as root:", wrong(0, 0))
	fmt.Println("set:", syscall.Setgroups([]int{60}), syscall.Setresgid(1000, 1000, 1000), syscall.Setresuid(1000, 1000, 1000))
	failed := wrong(1000, 1000)
	fmt.Println("as another:", failed)
	fmt.Println("back:", syscall.Setuid(0))
	atomic.StoreInt32(&over, 1)
	if failed != 0 {
		os.Exit(1)
	}
}

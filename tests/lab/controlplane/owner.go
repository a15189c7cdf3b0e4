package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
)

// ownerVariable names the process that this one must not outlive. Unset means that there is none.
const ownerVariable = "QUARTERMASTER_LAB_OWNER_PID"

func init() {
	// The death signal belongs to one thread and must be kept by it: main stays on the first thread for ever.
	runtime.LockOSThread()
}

// dieWithOwner asks the kernel to kill this process when its parent ends, however it ends. SIGKILL, because it
// reaches a process that a test has frozen. A parent that was already gone is noticed by its changed pid.
func dieWithOwner() error {
	owner := os.Getenv(ownerVariable)
	if owner == "" {
		return nil
	}
	pid, err := strconv.Atoi(owner)
	if err != nil {
		return fmt.Errorf("%s must be a process id, found %q", ownerVariable, owner)
	}
	if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_SET_PDEATHSIG, uintptr(syscall.SIGKILL), 0); errno != 0 {
		return fmt.Errorf("the kernel refused PR_SET_PDEATHSIG: %w", errno)
	}
	if os.Getppid() != pid {
		return fmt.Errorf("the owner %d has ended; nothing is started without it", pid)
	}
	return nil
}

// runExec replaces this process by another program, which keeps the death signal.
func runExec() {
	if len(os.Args) < 2 {
		fail("exec needs a program and its arguments")
	}
	path, err := exec.LookPath(os.Args[1])
	if err != nil {
		fail(err.Error())
	}
	environment := []string{}
	for _, variable := range os.Environ() {
		if len(variable) <= len(ownerVariable) || variable[:len(ownerVariable)+1] != ownerVariable+"=" {
			environment = append(environment, variable)
		}
	}
	fail(syscall.Exec(path, os.Args[1:], environment).Error())
}

// Command etcdmod moves Go services off polling etcd locks.
package main

import (
	"os"

	"etcdmod/internal/command"
)

func main() { os.Exit(command.Process()) }

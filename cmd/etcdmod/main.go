// Command etcdmod moves Go services off polling etcd locks.
package main

import (
	"os"
	"time"

	"etcdmod/internal/command"
)

func main() { os.Exit(command.Process(time.Tick(10 * time.Second))) }

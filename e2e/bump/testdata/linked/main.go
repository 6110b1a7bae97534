// Command linked comes by etcd's client through another module, which locks with it.
package main

import "example.com/linked/lib"

func main() { lib.Lock() }

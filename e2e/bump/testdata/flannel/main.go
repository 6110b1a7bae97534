// Command flannel comes by etcd through another module, which uses its v2 client alone.
package main

import "github.com/flannel-io/flannel/subnet/etcdv2"

func main() { _ = etcdv2.EtcdConfig{} }

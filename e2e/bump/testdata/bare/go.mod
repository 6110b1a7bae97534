module example.com/bare

go 1.16

require github.com/coreos/etcd v3.2.9+incompatible

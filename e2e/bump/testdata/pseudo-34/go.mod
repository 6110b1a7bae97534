module example.com/pseudo-34

go 1.16

require go.etcd.io/etcd v0.0.0-20191023171146-3cf2f69b5738 // v3.4.3

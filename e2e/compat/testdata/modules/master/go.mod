module example.com/service

go 1.16

require go.etcd.io/etcd v0.5.0-alpha.5.0.20200425165423-262c93980547

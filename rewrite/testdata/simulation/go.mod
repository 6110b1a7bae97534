module m

go 1.26.0

require go.etcd.io/etcd/client/v3 v3.0.0

replace go.etcd.io/etcd/client/v3 => ./client

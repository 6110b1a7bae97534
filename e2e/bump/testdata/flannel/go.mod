module example.com/flannel

go 1.16

require github.com/flannel-io/flannel v0.14.0

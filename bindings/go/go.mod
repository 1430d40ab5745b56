module userns

go 1.19

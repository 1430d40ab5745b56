// The name is a placeholder until the repository has an address, see README.md.
module userns

go 1.19

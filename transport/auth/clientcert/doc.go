// Package clientcert proves identities by client certificates: a file says which
// names stand for whom.
//
// Guarantees: a certificate counts only where the listener has verified it. A
// request that offers a token is left to the tokens. A certificate of a node
// (a name treenode://…) is nobody's here, whatever the file says.
package clientcert

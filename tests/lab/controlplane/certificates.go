package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// validity of every certificate: a cluster lives for a test run or a working day, never for a month.
const validity = 30 * 24 * time.Hour

// runCertificates writes ca.crt, server.crt, server.key, service-account.key and service-account.pub into the
// folder of the first argument; the addresses that follow become the server certificate's. The authority's key is
// thrown away: nobody can sign a second certificate.
func runCertificates() {
	if len(os.Args) < 3 {
		fail("certificates needs a folder and at least one IP address")
	}
	folder, addresses := os.Args[1], []net.IP{}
	for _, text := range os.Args[2:] {
		address := net.ParseIP(text)
		if address == nil {
			fail("wanted an IP address, found " + text)
		}
		addresses = append(addresses, address)
	}
	now := time.Now().Add(-time.Minute)
	authorityKey, serverKey, accountKey := newKey(), newKey(), newKey()
	authority := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "quartermaster-lab"},
		NotBefore:             now,
		NotAfter:              now.Add(validity),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	server := &x509.Certificate{
		SerialNumber: big.NewInt(2),
		Subject:      pkix.Name{CommonName: "kube-apiserver"},
		NotBefore:    now,
		NotAfter:     now.Add(validity),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:     []string{"localhost", "kubernetes.default.svc"},
		IPAddresses:  addresses,
	}
	write(folder, "ca.crt", "CERTIFICATE", sign(authority, authority, authorityKey, authorityKey))
	write(folder, "server.crt", "CERTIFICATE", sign(server, authority, serverKey, authorityKey))
	write(folder, "server.key", "EC PRIVATE KEY", must(x509.MarshalECPrivateKey(serverKey)))
	write(folder, "service-account.key", "EC PRIVATE KEY", must(x509.MarshalECPrivateKey(accountKey)))
	write(folder, "service-account.pub", "PUBLIC KEY", must(x509.MarshalPKIXPublicKey(accountKey.Public())))
}

func newKey() *ecdsa.PrivateKey {
	return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
}

func sign(subject, authority *x509.Certificate, subjectKey, authorityKey *ecdsa.PrivateKey) []byte {
	return must(x509.CreateCertificate(rand.Reader, subject, authority, subjectKey.Public(), authorityKey))
}

func write(folder, name, kind string, der []byte) {
	text := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	if err := os.WriteFile(filepath.Join(folder, name), text, 0o600); err != nil {
		fail(err.Error())
	}
}

func must[T any](value T, err error) T {
	if err != nil {
		fail(err.Error())
	}
	return value
}

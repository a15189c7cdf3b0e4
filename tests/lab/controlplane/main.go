// Command controlplane is a whole Kubernetes control plane in one binary: the first argument chooses the component.
//
// One binary, because the components share nearly all of their code: built apart they would take five times the
// space and the link time. Every component still runs as a process of its own, so that each can be killed, frozen
// and restarted by itself.
//
// Beside the components there are two helpers: "exec" starts a foreign program that dies with its owner, and
// "certificates" writes the keys of one cluster.
package main

import (
	"fmt"
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	"k8s.io/component-base/logs"
	kubectl "k8s.io/kubectl/pkg/cmd"
	kubectlutil "k8s.io/kubectl/pkg/cmd/util"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
)

// componentByName maps the first argument to what it runs; each reads os.Args as if it were the whole program.
var componentByName = map[string]func(){
	"etcd":                    func() { etcdmain.Main(os.Args) },
	"kube-apiserver":          func() { os.Exit(cli.Run(apiserver.NewAPIServerCommand())) },
	"kube-controller-manager": func() { os.Exit(cli.Run(controllermanager.NewControllerManagerCommand())) },
	"kube-scheduler":          func() { os.Exit(cli.Run(scheduler.NewSchedulerCommand())) },
	"kubectl":                 runKubectl,
	"exec":                    runExec,
	"certificates":            runCertificates,
}

func main() {
	if len(os.Args) < 2 || componentByName[os.Args[1]] == nil {
		fail("the first argument must be one of etcd, kube-apiserver, kube-controller-manager, kube-scheduler, kubectl, exec, certificates")
	}
	if err := dieWithOwner(); err != nil {
		fail(err.Error())
	}
	name := os.Args[1]
	os.Args = os.Args[1:]
	componentByName[name]()
}

func runKubectl() {
	_, _ = logs.GlogSetter(kubectl.GetLogVerbosity(os.Args)) // a bad -v is reported again, and better, by the flag parser
	if err := cli.RunNoErrOutput(kubectl.NewDefaultKubectlCommand()); err != nil {
		kubectlutil.CheckErr(err)
	}
}

func fail(message string) {
	fmt.Fprintln(os.Stderr, "controlplane: "+message)
	os.Exit(2)
}

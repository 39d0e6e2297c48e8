// CloudCore of KubeEdge, as its own main does.
package main

import (
	"os"

	"k8s.io/component-base/cli"

	"github.com/kubeedge/kubeedge/cloud/cmd/cloudcore/app"
)

func main() {
	os.Exit(cli.Run(app.NewCloudCoreCommand()))
}

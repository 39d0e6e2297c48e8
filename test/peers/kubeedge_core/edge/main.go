// EdgeHub and EventBus of KubeEdge's edgecore, as its own main registers them; without edged, which wants a container
// runtime, and what serves it. edgecore CONFIG
package main

import (
	"os"

	"sigs.k8s.io/yaml"

	"github.com/kubeedge/api/apis/componentconfig/edgecore/v1alpha2"
	"github.com/kubeedge/beehive/pkg/core"
	"github.com/kubeedge/kubeedge/edge/pkg/edgehub"
	"github.com/kubeedge/kubeedge/edge/pkg/eventbus"
	"github.com/kubeedge/kubeedge/edge/pkg/metamanager/dao"
)

func main() {
	text, err := os.ReadFile(os.Args[1])
	if err != nil {
		panic(err)
	}
	config := v1alpha2.NewDefaultEdgeCoreConfig()
	if err := yaml.Unmarshal(text, config); err != nil {
		panic(err)
	}
	dao.Init(config.DataBase.DataSource, config.Modules.EventBus)
	edgehub.Register(config.Modules.EdgeHub, config.Modules.Edged.HostnameOverride)
	eventbus.Register(config.Modules.EventBus, config.Modules.Edged.HostnameOverride)
	core.Run()
}

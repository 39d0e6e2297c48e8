// The broker inside KubeEdge's edgecore (mqttMode 0), set up as edge/pkg/eventbus/mqtt/server.go does.
package main

import (
	"os"

	"github.com/256dpi/gomqtt/broker"
	"github.com/256dpi/gomqtt/transport"
)

func main() {
	server, err := transport.Launch(os.Args[1])
	if err != nil {
		panic(err)
	}
	backend := broker.NewMemoryBackend()
	backend.SessionQueueSize = 100
	broker.NewEngine(backend).Accept(server)
	select {}
}

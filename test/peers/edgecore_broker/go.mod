module edgecore_broker

go 1.19

require github.com/256dpi/gomqtt v0.10.4

require (
	github.com/256dpi/mercury v0.1.0 // indirect
	github.com/gorilla/websocket v1.3.0 // indirect
	gopkg.in/tomb.v2 v2.0.0-20161208151619-d5d1b5820637 // indirect
)

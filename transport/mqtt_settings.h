// The mqtt.* settings that every program of Godwit has, and what they mean for a link.
#pragma once

#include <string>
#include <vector>

#include "transport/mqtt_link.h"
#include "transport/result.h"
#include "transport/settings.h"

namespace godwit {

// `url_help` and `client_id_help` say what an empty value means to the program.
std::vector<Setting> mqtt_settings_table(const std::string& url_help,
                                         const std::string& client_id_help);

// mqtt.url must not be empty here. `client_id` is used when mqtt.client_id is not set.
Result<MqttOptions> finalise_mqtt(const Settings& settings, const std::string& client_id);

}  // namespace godwit

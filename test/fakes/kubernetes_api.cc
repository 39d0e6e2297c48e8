#include "test/fakes/kubernetes_api.h"

#include <algorithm>

#include "test/fakes/strategic_merge.h"
#include "transport/text.h"

namespace godwit::test {
namespace {

using nlohmann::json;

HttpReply failure(int status, const std::string& message) {
  return {status, json{{"kind", "Status"}, {"message", message}, {"code", status}}.dump(), ""};
}

std::string unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      out += static_cast<char>(parse_int<int>(text.substr(i + 1, 2), 16).value_or('?'));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

bool selected(const json& object, const std::string& selector) {
  if (selector.empty()) return true;
  const json labels = object["metadata"].value("labels", json::object());
  const auto equals = selector.find('=');
  const std::string key = selector.substr(0, equals);
  if (!labels.contains(key)) return false;
  return equals == std::string::npos || labels[key] == selector.substr(equals + 1);
}

bool has_header(const HttpCallRequest& request, const std::string& line) {
  return std::find(request.headers.begin(), request.headers.end(), line) != request.headers.end();
}

}  // namespace

void KubernetesApi::put(const std::string& path, json object) {
  const std::string name = object["metadata"]["name"];
  object["metadata"]["resourceVersion"] = std::to_string(++version_);
  if (!object["metadata"].contains("uid")) object["metadata"]["uid"] = concat("uid-of-", name);
  collections_[path][name] = std::move(object);
}

HttpCall KubernetesApi::call() {
  return [this](const HttpCallRequest& request) -> Result<HttpReply> {
    ++requests;
    const std::string path = request.url.substr(request.url.find('/', 8));
    const int status = fault ? fault(request.method, path) : 0;
    if (status < 0) return Error{ErrorCode::unavailable, "connection refused"};
    if (status > 0) {
      HttpReply reply = failure(status, "asked to fail");
      reply.retry_after = retry_after;
      return reply;
    }
    return answer(request);
  };
}

HttpReply KubernetesApi::list(const std::string& path, const std::string& query) {
  std::string selector, next;
  std::size_t limit = page_items;
  for (const auto parameter : split(query, '&')) {
    if (parameter.starts_with("labelSelector=")) selector = unescape(parameter.substr(14));
    if (parameter.starts_with("continue=")) next = unescape(parameter.substr(9));
    if (parameter.starts_with("limit=")) {
      limit = std::min(limit, parse_int<std::size_t>(parameter.substr(6)).value_or(limit));
    }
  }
  json reply{{"items", json::array()}, {"metadata", json::object()}};
  for (const auto& [name, object] : collections_.at(path)) {
    if (name <= next || !selected(object, selector)) continue;
    if (reply["items"].size() == limit) {
      reply["metadata"]["continue"] = reply["items"].back()["metadata"]["name"];
      break;
    }
    reply["items"].push_back(object);
  }
  return {200, reply.dump(), ""};
}

HttpReply KubernetesApi::create(const std::string& path, const HttpCallRequest& request) {
  if (!has_header(request, "Content-Type: application/json")) {
    return failure(415, "unsupported media type");
  }
  json object = json::parse(request.body, nullptr, false);
  if (!object.is_object() || !object.contains("kind") || !object.contains("apiVersion")) {
    return failure(400, "Object 'Kind' is missing");
  }
  const std::string name = object["metadata"]["name"];
  if (collections_[path].contains(name)) return failure(409, concat(name, " already exists"));
  put(path, std::move(object));
  return {201, collections_[path][name].dump(), ""};
}

HttpReply KubernetesApi::patch(json& object, const HttpCallRequest& request, bool is_status) {
  const bool strategic =
      has_header(request, "Content-Type: application/strategic-merge-patch+json");
  if (!strategic && !has_header(request, "Content-Type: application/merge-patch+json")) {
    return failure(415, "the body of the request was in an unknown format");
  }
  json change = json::parse(request.body, nullptr, false);
  if (!change.is_object()) return failure(400, "error decoding patch");
  const json wanted = change.value("metadata", json::object()).value("resourceVersion", json());
  if (!wanted.is_null() && wanted != object["metadata"]["resourceVersion"]) {
    return failure(409, "the object has been modified; please apply your changes to the latest");
  }
  // A subresource takes its part alone, the object all but that.
  const json kept = object.value("status", json());
  json next = object;
  if (strategic) {
    if (auto wrong = apply_strategic_merge(next, change); !wrong.empty())
      return failure(400, wrong);
  } else {
    apply_merge(next, change);
  }
  if (is_status) {
    json status = next.value("status", json());
    next = object;
    next["status"] = std::move(status);
  } else if (!kept.is_null()) {
    next["status"] = kept;
  }
  if (auto wrong = check_node(next); !wrong.empty()) return failure(422, wrong);
  next["metadata"]["resourceVersion"] = object["metadata"]["resourceVersion"];
  if (next != object) {
    next["metadata"]["resourceVersion"] = std::to_string(++version_);
    object = std::move(next);
    ++patches;
  }
  return {200, object.dump(), ""};
}

HttpReply KubernetesApi::answer(const HttpCallRequest& request) {
  const std::string whole = request.url.substr(request.url.find('/', 8));
  const auto question = whole.find('?');
  std::string path = whole.substr(0, question);
  const std::string query = question == std::string::npos ? "" : whole.substr(question + 1);
  if (collections_.contains(path)) {
    if (request.method == "GET") return list(path, query);
    if (request.method == "POST") return create(path, request);
    return failure(405, "method not allowed");
  }
  const bool is_status = path.ends_with("/status");
  if (is_status) path.resize(path.size() - 7);
  const auto slash = path.rfind('/');
  const std::string name = path.substr(slash + 1);
  const auto found = collections_.find(path.substr(0, slash));
  if (found == collections_.end() || !found->second.contains(name)) {
    return failure(404, "the server could not find the requested resource");
  }
  const bool is_core = path.starts_with("/api/v1/");
  if (request.method == "GET") return {200, found->second[name].dump(), ""};
  if (request.method == "PATCH" && is_core) return patch(found->second[name], request, is_status);
  if (request.method != "DELETE") return failure(405, "method not allowed");
  found->second.erase(name);
  return {200, json{{"kind", "Status"}, {"status", "Success"}}.dump(), ""};
}

}  // namespace godwit::test

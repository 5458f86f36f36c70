-- wrk -s ndjson.lua URL -- RUN DATE: a hundred sales a request, one a line.
package.path = "./?.lua;" .. package.path
local sale = require("sale")
local LINES = 100
local threads = 0
local next_sale

function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

function init(args)
  next_sale = sale.generator(number, args[1], args[2])
  wrk.headers["Content-Type"] = "application/x-ndjson"
end

local lines = {}

function request()
  for i = 1, LINES do
    lines[i] = next_sale()
  end
  lines[LINES + 1] = ""
  return wrk.format("POST", "/v1/transactions", nil, table.concat(lines, "\n"))
end

function done(summary, latency)
  sale.report(summary, latency)
end

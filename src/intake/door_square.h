#pragma once

#include "intake/door.h"

extern const struct door_type door_square;

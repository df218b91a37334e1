"""The parts that marl.envs.smac_api and smacv2_api share."""

"""Teachers other than one network: stored logits, and several networks as one."""

from graphdistill.kd.teachers.ensemble import MeanTeachers as MeanTeachers
from graphdistill.kd.teachers.ensemble import WeightedTeachers as WeightedTeachers
from graphdistill.kd.teachers.stored import StoredTeacher as StoredTeacher
from graphdistill.kd.teachers.stored import load_logits as load_logits
from graphdistill.kd.teachers.stored import save_logits as save_logits

__all__ = ["MeanTeachers", "StoredTeacher", "WeightedTeachers", "load_logits", "save_logits"]
